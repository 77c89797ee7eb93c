"""Tests of the destination Customer Profiles, and of what is made for it."""
