"""Tests of the Customer Profiles destination."""
