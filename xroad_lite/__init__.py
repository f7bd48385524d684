"""An interoperability bus for public institutions."""
