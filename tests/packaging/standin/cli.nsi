; A stand-in for the command-line program: records its arguments, and asks the stand-in app to end.
Unicode true
Target amd64-unicode
!include FileFunc.nsh
!include LogicLib.nsh
OutFile "${OUT}"
RequestExecutionLevel user
SilentInstall silent

Section
  ${GetParameters} $0
  FileOpen $1 "$LOCALAPPDATA\calls.txt" a
  FileSeek $1 0 END
  FileWrite $1 "$0$\n"
  FileClose $1
  ${If} $0 == "stop"
  ${AndIf} ${FileExists} "$LOCALAPPDATA\Drawbridge\running"
    FileOpen $1 "$LOCALAPPDATA\Drawbridge\end-asked" w
    FileClose $1
  ${EndIf}
SectionEnd
