"""What the folder for Google Tag Manager holds, run as Google Tag Manager runs it."""
