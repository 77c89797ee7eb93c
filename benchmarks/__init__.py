"""What the system costs, how it behaves under load, and how fast the function is."""
