"""Tests of the whole pipeline: real HTTP requests to the synthesized template in the emulator."""
