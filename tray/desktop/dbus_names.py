"""D-Bus names of tray icons and menus, and the introspection XML of our two objects."""

ITEM_PATH = "/StatusNotifierItem"
MENU_PATH = "/MenuBar"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
# The service that tray icons register with.
WATCHER, WATCHER_PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
PROPERTIES = "org.freedesktop.DBus.Properties"


def introspection(path: str) -> str:
    """The XML for the object at `path`; for any other path, a list of our two objects."""
    return _OBJECTS.get(path, '<node><node name="StatusNotifierItem"/><node name="MenuBar"/></node>')


def _node(interface: str, properties: str, methods: str, signals: str) -> str:
    """The XML of an interface. `;` separates members; inputs are `>name:type`, outputs `<name:type`."""
    lines = [f'<node><interface name="{interface}">']
    for line in properties.split(";"):
        name, signature = line.split()
        lines.append(f'<property name="{name}" type="{signature}" access="read"/>')
    for kind, members in (("method", methods), ("signal", signals)):
        for line in members.split(";"):
            name, *arguments = line.split()
            lines.append(f'<{kind} name="{name}">')
            for argument in arguments:
                label, signature = argument[1:].split(":")
                direction = {"method": f' direction="{"in" if argument[0] == ">" else "out"}"', "signal": ""}[kind]
                lines.append(f'<arg name="{label}" type="{signature}"{direction}/>')
            lines.append(f"</{kind}>")
    return "\n".join([*lines, "</interface></node>"])


_OBJECTS = {
    ITEM_PATH: _node(
        ITEM,
        "Category s;Id s;Title s;Status s;WindowId i;IconName s;IconThemePath s;IconPixmap a(iiay);"
        "OverlayIconName s;AttentionIconName s;ToolTip (sa(iiay)ss);ItemIsMenu b;Menu o",
        "ContextMenu >x:i >y:i;Activate >x:i >y:i;SecondaryActivate >x:i >y:i;Scroll >delta:i >orientation:s",
        "NewTitle;NewIcon;NewToolTip;NewStatus <status:s",
    ),
    MENU_PATH: _node(
        MENU,
        "Version u;Status s;TextDirection s;IconThemePath as",
        "GetLayout >parentId:i >recursionDepth:i >propertyNames:as <revision:u <layout:(ia{sv}av);"
        "GetGroupProperties >ids:ai >propertyNames:as <properties:a(ia{sv});GetProperty >id:i >name:s <value:v;"
        "Event >id:i >eventId:s >data:v >timestamp:u;EventGroup >events:a(isvu) <idErrors:ai;"
        "AboutToShow >id:i <needUpdate:b;AboutToShowGroup >ids:ai <updatesNeeded:ai <idErrors:ai",
        "ItemsPropertiesUpdated <updatedProps:a(ia{sv}) <removedProps:a(ias);"
        "LayoutUpdated <revision:u <parent:i;ItemActivationRequested <id:i <timestamp:u",
    ),
}
