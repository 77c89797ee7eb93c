"""Three short-lived stacks, on which ``make verify-all`` runs all checks of ``verify``."""
