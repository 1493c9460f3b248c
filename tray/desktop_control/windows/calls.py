"""Windows' own functions, loaded with their types: without them a 64-bit handle would be cut to 32 bits."""

import ctypes
import sys
from ctypes import wintypes
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Calls:
    """The libraries, and what makes a callback for a list of windows."""

    user32: Any
    kernel32: Any
    dwmapi: Any
    callback: Any


def load() -> Calls:
    """Loads the libraries. Windows only."""
    if sys.platform == "win32":
        callback = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
        # Own objects, so that the types of other packages' functions stay as they are.
        user32, kernel32, dwmapi = (ctypes.WinDLL(name) for name in ("user32", "kernel32", "dwmapi"))
        _type_user32(user32, callback)
        kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
        kernel32.OpenProcess.restype = wintypes.HANDLE
        kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
        kernel32.QueryFullProcessImageNameW.argtypes = [
            wintypes.HANDLE,
            wintypes.DWORD,
            wintypes.LPWSTR,
            ctypes.POINTER(wintypes.DWORD),
        ]
        dwmapi.DwmGetWindowAttribute.argtypes = [wintypes.HWND, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD]
        return Calls(user32, kernel32, dwmapi, callback)
    else:  # noqa: RET505 # mypy needs the branch
        raise NotImplementedError("these functions are Windows'")


def _type_user32(user32: Any, callback: Any) -> None:
    pointer, number = ctypes.c_void_p, wintypes.DWORD
    handles = {
        "GetForegroundWindow": [],
        "WindowFromPoint": [wintypes.POINT],
        "GetAncestor": [wintypes.HWND, wintypes.UINT],
        "OpenInputDesktop": [number, wintypes.BOOL, number],
    }
    for name, types in handles.items():
        function = getattr(user32, name)
        function.argtypes, function.restype = types, wintypes.HANDLE
    others = {
        "GetWindowTextW": [wintypes.HWND, wintypes.LPWSTR, ctypes.c_int],
        "GetWindowThreadProcessId": [wintypes.HWND, pointer],
        "EnumWindows": [callback, wintypes.LPARAM],
        "EnumChildWindows": [wintypes.HWND, callback, wintypes.LPARAM],
        "IsWindowVisible": [wintypes.HWND],
        "IsIconic": [wintypes.HWND],
        "GetWindowRect": [wintypes.HWND, pointer],
        "GetWindowLongW": [wintypes.HWND, ctypes.c_int],
        "CloseDesktop": [wintypes.HANDLE],
        "GetUserObjectInformationW": [wintypes.HANDLE, ctypes.c_int, pointer, number, pointer],
        "GetCursorPos": [pointer],
        "VkKeyScanW": [wintypes.WCHAR],
        "RegisterHotKey": [wintypes.HWND, ctypes.c_int, wintypes.UINT, wintypes.UINT],
        "UnregisterHotKey": [wintypes.HWND, ctypes.c_int],
        "MsgWaitForMultipleObjects": [number, pointer, wintypes.BOOL, number, number],
        "PeekMessageW": [pointer, wintypes.HWND, wintypes.UINT, wintypes.UINT, wintypes.UINT],
    }
    for name, types in others.items():
        getattr(user32, name).argtypes = types
    user32.VkKeyScanW.restype = ctypes.c_short
