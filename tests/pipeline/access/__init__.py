"""Who may send what, through the synthesized template with all of its access switched on."""
