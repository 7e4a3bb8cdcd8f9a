"""Metric alarms, composite alarms and dashboards."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Each, Pairs

_PUT: Final = Call(
    operation="put_metric_alarm",
    parameters={
        "AlarmName": "$name",
        "AlarmDescription": "$alarmDescription",
        "ActionsEnabled": "$actionsEnabled",
        "AlarmActions": "$alarmActions",
        "OKActions": "$okActions",
        "InsufficientDataActions": "$insufficientDataActions",
        "Namespace": "$namespace",
        "MetricName": "$metricName",
        "Dimensions": Pairs(of="$dimensions", key="Name", value="Value"),
        "Statistic": "$statistic",
        "Period": "$period",
        "EvaluationPeriods": "$evaluationPeriods",
        "DatapointsToAlarm": "$datapointsToAlarm",
        "Threshold": "$threshold",
        "ComparisonOperator": "$comparisonOperator",
        "TreatMissingData": "$treatMissingData",
        "Metrics": Each(
            of="$metricQueries",
            to={
                "Id": "$item.id",
                "Expression": "$item.expression",
                "Label": "$item.label",
                "ReturnData": "$item.returnData",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "$item.metric.namespace",
                        "MetricName": "$item.metric.metricName",
                        "Dimensions": Pairs(
                            of="$item.metric.dimensions", key="Name", value="Value"
                        ),
                    },
                    "Period": "$item.metric.period",
                    "Stat": "$item.metric.stat",
                },
            },
        ),
        "Tags": Pairs(of="$tags"),
    },
)

METRIC_ALARM: Final = ResourceType(
    token="aws:cloudwatch/metricAlarm:MetricAlarm",
    service="cloudwatch",
    create=_PUT,
    id="$name",
    identity=("name",),
    updates=(
        Update(
            properties=(
                "alarmDescription",
                "actionsEnabled",
                "alarmActions",
                "okActions",
                "insufficientDataActions",
                "namespace",
                "metricName",
                "dimensions",
                "statistic",
                "period",
                "evaluationPeriods",
                "datapointsToAlarm",
                "threshold",
                "comparisonOperator",
                "treatMissingData",
                "metricQueries",
            ),
            calls=(_PUT,),
        ),
        tag_updates({"ResourceARN": "$out.arn"}),
    ),
    read=reads("describe_alarms", AlarmNames=["$name"]),
    outputs={"arn": "$read.MetricAlarms.0.AlarmArn", "name": "$name"},
    told={
        "threshold": "$read.MetricAlarms.0.Threshold",
        "evaluationPeriods": "$read.MetricAlarms.0.EvaluationPeriods",
        "treatMissingData": "$read.MetricAlarms.0.TreatMissingData",
        "actionsEnabled": "$read.MetricAlarms.0.ActionsEnabled",
    },
    delete=deletes("delete_alarms", AlarmNames=["$name"]),
    gone=("ResourceNotFound",),
)

_PUT_COMPOSITE: Final = Call(
    operation="put_composite_alarm",
    parameters={
        "AlarmName": "$alarmName",
        "AlarmDescription": "$alarmDescription",
        "AlarmRule": "$alarmRule",
        "ActionsEnabled": "$actionsEnabled",
        "AlarmActions": "$alarmActions",
        "OKActions": "$okActions",
        "InsufficientDataActions": "$insufficientDataActions",
        "Tags": Pairs(of="$tags"),
    },
)

COMPOSITE_ALARM: Final = ResourceType(
    token="aws:cloudwatch/compositeAlarm:CompositeAlarm",
    service="cloudwatch",
    create=_PUT_COMPOSITE,
    id="$alarmName",
    identity=("alarmName",),
    updates=(
        Update(
            properties=(
                "alarmDescription",
                "alarmRule",
                "actionsEnabled",
                "alarmActions",
                "okActions",
                "insufficientDataActions",
            ),
            calls=(_PUT_COMPOSITE,),
        ),
        tag_updates({"ResourceARN": "$out.arn"}),
    ),
    read=reads("describe_alarms", AlarmNames=["$alarmName"], AlarmTypes=["CompositeAlarm"]),
    outputs={"arn": "$read.CompositeAlarms.0.AlarmArn", "alarmName": "$alarmName"},
    delete=deletes("delete_alarms", AlarmNames=["$alarmName"]),
    gone=("ResourceNotFound",),
)

_PUT_DASHBOARD: Final = Call(
    operation="put_dashboard",
    parameters={"DashboardName": "$dashboardName", "DashboardBody": "$dashboardBody"},
)

DASHBOARD: Final = ResourceType(
    token="aws:cloudwatch/dashboard:Dashboard",
    service="cloudwatch",
    create=_PUT_DASHBOARD,
    id="$dashboardName",
    identity=("dashboardName",),
    updates=(Update(properties=("dashboardBody",), calls=(_PUT_DASHBOARD,)),),
    read=reads("get_dashboard", DashboardName="$dashboardName"),
    outputs={"dashboardArn": "$read.DashboardArn", "dashboardName": "$dashboardName"},
    delete=deletes("delete_dashboards", DashboardNames=["$dashboardName"]),
    gone=("ResourceNotFound", "DashboardNotFoundError"),
)

TYPES: Final = (METRIC_ALARM, COMPOSITE_ALARM, DASHBOARD)
