"""Three short-lived stacks, of which ``make verify-all`` asks all questions of ``verify``."""
