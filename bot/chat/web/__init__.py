"""The web page, and the API in the shape that other tools speak."""
