"""Compiles the plain part of the relay, `media/_relay.c`, where a C compiler is; without one Python does the same."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension


class BuildRelay(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds in place, so that an editable installation finds it too."""
        if self.target_name != "wheel" or sys.platform != "linux":  # it waits by epoll
            return
        relay = Extension("media._relay", ["media/_relay.c"], extra_compile_args=["-O2"])
        command = Distribution({"ext_modules": [relay]}).get_command_obj("build_ext")
        command.inplace = True
        try:
            command.ensure_finalized()
            command.run()
        except Exception as problem:  # no compiler, no Python.h: whatever it is, Python does it
            self.app.display_warning(f"the relay stays in Python: {problem}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append("media/_relay*.so")
