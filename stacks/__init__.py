"""The deployable app: context settings wired to the construct library."""
