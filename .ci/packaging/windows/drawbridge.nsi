; The installer for Windows: for one user, without administrator's rights. `build`, beside this file, compiles it.
;
; Setup.exe /S                     silent; /STARTATLOGIN=1 or =0 switches start at login, without it that stays as it is
; Uninstall.exe /S [/PURGE]        silent; with /PURGE settings and logs go too
; Exit codes: 0 done, 1 cancelled by its user, 2 nothing was changed because Drawbridge does not stop or a file is in use.

Unicode true
!ifdef TARGET
  Target ${TARGET}
!endif
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include Sections.nsh
!include "${CONTENTS}"

; Where tray/desktop/autostart/windows.py keeps start at login, under the same name.
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define APPROVED "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
!define ENTRY "Drawbridge"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Drawbridge"
; Where the app keeps settings, its own files and logs (server/machine/files/paths.py).
!define OWN "$LOCALAPPDATA\Drawbridge"
; `stop` itself waits for 30 s, and then its programs may still be on their way out: so many waits of 250 ms.
!define STOP_MS 60000
!ifndef WAITS
  !define WAITS 60
!endif

Name "Drawbridge"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Drawbridge"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
RequestExecutionLevel user
SetCompressor /SOLID lzma
; A file that cannot be written ends it: half an update is worse than none.
AllowSkipFiles off
BrandingText "Drawbridge ${VERSION}"

VIProductVersion "${VERSION_OF_FOUR}"
VIAddVersionKey ProductName "Drawbridge"
VIAddVersionKey FileDescription "Installs Drawbridge"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey LegalCopyright "The Drawbridge authors, MIT licence"

!ifdef SIGN
  !uninstfinalize '${SIGN} "%1"' = 0
  !finalize '${SIGN} "%1"' = 0
!endif

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_FINISHPAGE_RUN "$INSTDIR\${APP}"
!define MUI_FINISHPAGE_RUN_TEXT "Start Drawbridge; its icon appears in the system tray"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; 1. Our own program asks whatever runs to stop, and waits for it. 2. A program that runs cannot be written to: so it is
; seen when all of them are gone, however they were started. 3. Whoever does not go is left alone, and nothing changes.
!macro STOP_RUNNING prefix
Function ${prefix}StopRunning
  ${IfNot} ${FileExists} "$INSTDIR\${CLI}"
    Return
  ${EndIf}
again:
  DetailPrint "Asking Drawbridge to stop"
  nsExec::ExecToLog /TIMEOUT=${STOP_MS} '"$INSTDIR\${CLI}" stop'
  Pop $0
  ${For} $0 1 ${WAITS}
    StrCpy $1 "$INSTDIR\${APP}"
    ${If} ${FileExists} $1
      ClearErrors
      FileOpen $2 $1 a
      IfErrors busy
      FileClose $2
    ${EndIf}
    StrCpy $1 "$INSTDIR\${CLI}"
    ClearErrors
    FileOpen $2 $1 a
    IfErrors busy
    FileClose $2
    Return
busy:
    Sleep 250
  ${Next}
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Drawbridge is still running.$\r$\n$\r$\nQuit it by the menu of its icon, then try again." /SD IDCANCEL IDRETRY again
  Abort "Drawbridge is still running; nothing was changed."
FunctionEnd
!macroend
!insertmacro STOP_RUNNING ""
!insertmacro STOP_RUNNING "un."

Section "Drawbridge" SecApp
  SectionIn RO
  Call StopRunning
  ; What an older version had and this one has not must not stay behind.
  !insertmacro REMOVE_CONTENTS
  SetOutPath "$INSTDIR"
  File /r "${FILES}"
  WriteUninstaller "$INSTDIR\Uninstall.exe"
  ; The folder in which a program starts cannot be removed while it runs: never our own.
  SetOutPath "$PROFILE"
  CreateShortcut "$SMPROGRAMS\Drawbridge.lnk" "$INSTDIR\${APP}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Drawbridge"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${APP}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Drawbridge authors"
  !if "${HOMEPAGE}" != ""
    WriteRegStr HKCU "${UNINSTALL}" "URLInfoAbout" "${HOMEPAGE}"
  !endif
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\Uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\Uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

; Off unless its user ticks it; an update finds it as it is.
Section /o "Start at login" SecLogin
SectionEnd

Section
  ReadRegStr $0 HKCU "${RUN}" "${ENTRY}"
  ${If} ${SectionIsSelected} ${SecLogin}
    ; What the Task Manager has switched off stays off at an update.
    ${If} $0 == ""
      DeleteRegValue HKCU "${APPROVED}" "${ENTRY}"
    ${EndIf}
    WriteRegStr HKCU "${RUN}" "${ENTRY}" '"$INSTDIR\${APP}"'
  ${Else}
    DeleteRegValue HKCU "${RUN}" "${ENTRY}"
    DeleteRegValue HKCU "${APPROVED}" "${ENTRY}"
  ${EndIf}
SectionEnd

Function .onInit
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "DrawbridgeSetup") p .r1 ?e'
  Pop $0
  ${If} $0 = 183 ; ERROR_ALREADY_EXISTS
    MessageBox MB_OK|MB_ICONEXCLAMATION "Drawbridge is just being installed by another window." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  ReadRegStr $0 HKCU "${RUN}" "${ENTRY}"
  ${If} $0 != ""
    !insertmacro SelectSection ${SecLogin}
  ${EndIf}
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/STARTATLOGIN=" $1
  ${IfNot} ${Errors}
    ${If} $1 == "1"
      !insertmacro SelectSection ${SecLogin}
    ${Else}
      !insertmacro UnselectSection ${SecLogin}
    ${EndIf}
  ${EndIf}
FunctionEnd

Section "un.Drawbridge"
  SectionIn RO
  Call un.StopRunning
  ; Only the app knows how its key is kept.
  nsExec::ExecToLog /TIMEOUT=${STOP_MS} '"$INSTDIR\${CLI}" forget-key'
  Pop $0
  ; Another copy of Drawbridge, or a person's own command, is left as it is.
  ReadRegStr $0 HKCU "${RUN}" "${ENTRY}"
  StrCpy $1 '"$INSTDIR\${APP}"'
  StrLen $2 $1
  StrCpy $0 $0 $2
  ${If} $0 == $1
    DeleteRegValue HKCU "${RUN}" "${ENTRY}"
    DeleteRegValue HKCU "${APPROVED}" "${ENTRY}"
  ${EndIf}
  Delete "$SMPROGRAMS\Drawbridge.lnk"
  SetOutPath "$TEMP"
  !insertmacro REMOVE_CONTENTS
  Delete "$INSTDIR\Uninstall.exe"
  ; Not what lies in it: whatever else is there is somebody's.
  RMDir "$INSTDIR"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd

Section /o "un.Settings and logs" SecPurge
  RMDir /r "${OWN}"
SectionEnd

Function un.onInit
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/PURGE" $1
  ${IfNot} ${Errors}
    !insertmacro SelectSection ${SecPurge}
  ${EndIf}
FunctionEnd
