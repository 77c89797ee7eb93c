"""The commands, each a module with its command as ``command``."""
