# SPDX-License-Identifier: Apache-2.0
"""Recognising people without keeping what they look or sound like: protected templates."""

from polyveil.recognize.scheme import Scheme
from polyveil.recognize.template import Template, compare, new_enrolment, protect, template_secret

__all__ = ["Scheme", "Template", "compare", "new_enrolment", "protect", "template_secret"]
