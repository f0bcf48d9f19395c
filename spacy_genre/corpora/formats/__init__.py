"""The formats of texts with gold mentions that others write, one module each."""
