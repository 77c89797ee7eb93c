"""What the synthesized templates say, read as a deployer, an auditor and an importer would."""
