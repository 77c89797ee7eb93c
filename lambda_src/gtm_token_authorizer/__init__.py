"""A Lambda authorizer that admits image tags with a signed token in their URL.

An image tag cannot send headers, so the token (a JSON Web Token signed with HMAC-SHA-256) is the
query parameter ``token``. API Gateway calls this function to verify a token, and caches the result.

The package uses only the standard library and the AWS SDK in the Lambda runtime, so the asset needs
no build: it is these files.
"""
