"""The whole pipeline on one machine, without an AWS account."""
