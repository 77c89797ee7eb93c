"""Domains and object types that a stack creates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_customerprofiles as customer_profiles

from cdk_gtm_connector.errors import PropError

if TYPE_CHECKING:
    import aws_cdk as cdk


@dataclass(slots=True)
class DomainResources:
    """A domain and object types that a stack creates, for any of its connectors.

    Their names are unique in the account. A second one of the same name would fail only at
    deployment.

    Attributes:
        domain_name: The domain's name.
        domain: The domain; ``None`` if the stack does not create it.
        object_types: The new object types by name.
    """

    domain_name: str
    domain: customer_profiles.CfnDomain | None
    object_types: dict[str, customer_profiles.CfnObjectType]

    @classmethod
    def of(cls, stack: cdk.Stack, domain_name: str) -> DomainResources:
        """Return the resources that ``stack`` creates so far for the domain ``domain_name``."""
        found = cls(domain_name, None, {})
        for construct in stack.node.find_all():
            match construct:
                case customer_profiles.CfnDomain() if construct.domain_name == domain_name:
                    found.domain = construct
                case customer_profiles.CfnObjectType() if construct.domain_name == domain_name:
                    found.object_types[construct.object_type_name] = construct
        return found

    def check_new(self, prop: str, name: str | None) -> None:
        """Refuse to create an object type that the stack already creates.

        Args:
            prop: The prop that names the object type.
            name: Its name.
        """
        if name in self.object_types:
            raise PropError(
                prop,
                "must not be that of an object type that this stack makes in {domain_name} already",
                name,
                "take another name, or share it with create_object_type=False",
                {"domain_name": self.domain_name},
            )

    def check_single(self, object_type_name: str) -> None:
        """Refuse to share only an event objects' type, because user attributes would be lost."""
        shared = self.object_types.get(object_type_name)
        # Only event objects' types have a maximum here.
        if shared is not None and shared.max_profile_object_count is not None:
            raise PropError(
                "visitor_object_type_name",
                "must be given with an {object_type_name} that this stack makes for event objects",
                None,
                others={"object_type_name": object_type_name},
            )
