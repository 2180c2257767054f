/**
 * File name endings, in lower case, that mail programs open by running something: programs, scripts, installers, links,
 * system settings, disk images, and documents of the kinds whose macros run unasked. Large mail providers refuse them too.
 */
export const blockedExtensions: ReadonlySet<string> = new Set(
  (
    'ade adp apk appcontent-ms appref-ms appx appxbundle asp aspx bas bat bgi cab cdxml cer chm cmd cnt com cpl crt ' +
    'csh der diagcab dll dmg ex_ exe fxp gadget grp hlp hpj hta htc img inf ins iso isp its jar jnlp js jse ksh lib ' +
    'library-ms lnk mad maf mag mam maq mar mas mat mau mav maw mcf mda mdb mde mdt mdw mdz msc msh msh1 msh1xml msh2 ' +
    'msh2xml mshxml msi msix msixbundle msp mst msu nsh ocx ops osd pcd pif pl plg prf prg printerexport ps1 ps1xml ' +
    'ps2 ps2xml psc1 psc2 psd1 psdm1 pst py pyc pyo pyw pyz pyzw reg scf scr sct search-ms searchconnector-ms ' +
    'settingcontent-ms shb shs sys theme tmp udl url vb vbe vbp vbs vhd vhdx vsmacros vsw vxd webpnp website wim wsb ' +
    'wsc wsf wsh xbap xll xnk'
  ).split(' '),
);
