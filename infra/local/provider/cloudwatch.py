"""Metric alarms."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, tag_updates
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
    read=(Call(operation="describe_alarms", parameters={"AlarmNames": ["$name"]}, into="read"),),
    outputs={"arn": "$read.MetricAlarms.0.AlarmArn", "name": "$name"},
    delete=(Call(operation="delete_alarms", parameters={"AlarmNames": ["$name"]}),),
    gone=("ResourceNotFound",),
)

TYPES: Final = (METRIC_ALARM,)
