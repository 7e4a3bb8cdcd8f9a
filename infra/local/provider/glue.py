"""The catalog: databases and tables."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    deletes,
)
from infra.local.provider.template import Each, Joined

_GONE: Final = ("EntityNotFoundException",)
_EXISTS: Final = ("AlreadyExistsException",)
_DATABASE: Final = {
    "Name": "$name",
    "Description": "$description",
    "LocationUri": "$locationUri",
}

DATABASE: Final = ResourceType(
    token="aws:glue/catalogDatabase:CatalogDatabase",
    service="glue",
    create=Call(
        operation="create_database", parameters={"DatabaseInput": _DATABASE, "Tags": "$tags"}
    ),
    id="$name",
    identity=("name",),
    ignored=("tags",),
    updates=(
        changes(
            ("description", "locationUri"), "update_database", Name="$name", DatabaseInput=_DATABASE
        ),
    ),
    outputs={"name": "$name"},
    delete=deletes("delete_database", Name="$name"),
    exists=_EXISTS,
    gone=_GONE,
)


def _columns(of: str) -> Each:
    return Each(of=of, to={"Name": "$item.name", "Type": "$item.type", "Comment": "$item.comment"})


_TABLE: Final = {
    "Name": "$name",
    "Description": "$description",
    "TableType": "$tableType",
    "Parameters": "$parameters",
    "PartitionKeys": _columns("$partitionKeys"),
    "StorageDescriptor": {
        "Location": "$storageDescriptor.location",
        "InputFormat": "$storageDescriptor.inputFormat",
        "OutputFormat": "$storageDescriptor.outputFormat",
        "Columns": _columns("$storageDescriptor.columns"),
        "SerdeInfo": {
            "Name": "$storageDescriptor.serDeInfo.name",
            "SerializationLibrary": "$storageDescriptor.serDeInfo.serializationLibrary",
            "Parameters": "$storageDescriptor.serDeInfo.parameters",
        },
    },
}

TABLE: Final = ResourceType(
    token="aws:glue/catalogTable:CatalogTable",
    service="glue",
    create=Call(
        operation="create_table",
        parameters={"DatabaseName": "$databaseName", "TableInput": _TABLE},
    ),
    id=Joined(parts=("$databaseName", ":", "$name")),
    identity=("databaseName", "name"),
    updates=(
        changes(
            (
                "description",
                "tableType",
                "parameters",
                "partitionKeys",
                "storageDescriptor",
            ),
            "update_table",
            DatabaseName="$databaseName",
            TableInput=_TABLE,
        ),
    ),
    outputs={"name": "$name"},
    delete=deletes("delete_table", DatabaseName="$databaseName", Name="$name"),
    exists=_EXISTS,
    gone=_GONE,
)

TYPES: Final = (DATABASE, TABLE)
