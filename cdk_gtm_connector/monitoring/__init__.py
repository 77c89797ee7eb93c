"""Metrics, alarms and a dashboard for a connector."""

from __future__ import annotations

from cdk_gtm_connector.monitoring.props import Monitoring, add_monitoring, check_monitoring

__all__ = ["Monitoring", "add_monitoring", "check_monitoring"]
