"""The service (`app.py`) and the page (`page.py`). Neither is imported with the package: they need
the extras `serve` and `page`."""
