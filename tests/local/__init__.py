"""Tests of the scaffolding in local/, each part by itself."""
