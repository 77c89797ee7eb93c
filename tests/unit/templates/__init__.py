"""Tests of the mapping templates, rendered with the local engine and with Apache Velocity."""
