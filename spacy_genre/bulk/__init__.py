"""Linking of files: any number of rows, read as a stream, in runs that can be resumed."""
