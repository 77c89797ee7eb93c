"""Tests of the synthesized templates: what deployers, auditors and importing apps rely on."""
