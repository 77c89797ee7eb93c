"""Measurements of the function, the endpoint and the app."""
