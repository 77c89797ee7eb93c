"""What people install: the wheel and the source distribution."""
