"""Parts that the stand-ins for destinations share."""
