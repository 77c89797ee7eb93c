"""Takes Google Tag Manager events from an SQS batch to their destination.

Standard library and the AWS SDK that the Lambda runtime carries, nothing else: the asset is these
files, as they are.

A record's life: decode (:mod:`~gtm_events.message`), interpret (:mod:`~gtm_events.event`),
authorize (:mod:`~gtm_events.policy`), pack and send (:mod:`~gtm_events.destinations`), settle
(:mod:`~gtm_events.delivery`).
"""
