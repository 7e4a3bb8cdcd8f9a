"""The tags of every resource that can carry any."""

from collections.abc import Mapping

import pulumi


def tag_everything(tags: Mapping[str, str]) -> None:
    """Give `tags` to each taggable resource that the program makes from here on, beside its own."""

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not hasattr(type(args.resource), "tags"):
            return None
        return pulumi.ResourceTransformationResult(
            props={**args.props, "tags": {**(args.props.get("tags") or {}), **tags}},
            opts=args.opts,
        )

    pulumi.runtime.register_stack_transformation(add)
