"""Tests of the files for Google Tag Manager, run as Google Tag Manager runs them."""
