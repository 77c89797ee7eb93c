"""The console page of a local run."""
