"""Lets an image tag in whose URL carries a signed token.

An image tag cannot send a header, so the token (a JSON Web Token, HMAC with SHA-256) travels as
``token`` in the query. API Gateway asks this function what a token is worth and remembers the
answer.

Standard library and the AWS SDK that the Lambda runtime carries, nothing else: the asset is these
files, as they are.
"""
