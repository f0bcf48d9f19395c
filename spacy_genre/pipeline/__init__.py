"""The components. Each module is loaded when its factory is first used."""
