/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PBA_TYPE_APPLICATION (pba_application_get_type ())
G_DECLARE_FINAL_TYPE (PbaApplication, pba_application, PBA, APPLICATION, AdwApplication)

PbaApplication *pba_application_new (void);

G_END_DECLS
