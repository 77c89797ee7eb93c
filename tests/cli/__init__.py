"""Tests of the ``gtm-connector`` command."""
