"""The local pipeline: synthesis, emulator, stack and observers."""
