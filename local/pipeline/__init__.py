"""The pipeline on this machine: synthesis, emulator, stack and observers."""
