"""Delivers Google Tag Manager events from SQS batches to a destination.

The package uses only the standard library and the AWS SDK in the Lambda runtime, so the asset needs
no build: it is these files.

The steps of a record: decode (:mod:`~gtm_events.message`), interpret (:mod:`~gtm_events.event`),
authorize (:mod:`~gtm_events.policy`), pack and send (:mod:`~gtm_events.destinations`), settle
(:mod:`~gtm_events.delivery`).
"""
