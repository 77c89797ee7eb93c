"""How fast the function, the endpoint and the app are: measurements."""
