"""The ``gtm-connector`` command: it operates a deployed connector.

A command of one's own takes a :class:`~cdk_gtm_connector_cli.context.Context` and is added with
:func:`~cdk_gtm_connector_cli.main.add_command`:

@click.command()
@connector_options
def count(context: Context) -> None:
    for delivery in context.connector.deliveries:
        ...

add_command(count)
"""
