"""How fast, how cheap and how far: measurements, costs and a simulation."""
