/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Certificate: what every client of the mail server is shown of its certificate, so open to all; and Tls.Import,
 * the way of a new one over the bus: in, and never out again.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "service/certificate-files.h"

static const char *const none[] = { NULL };

static GVariant *
get_property (gpointer object, const char *property)
{
  const PbTlsIdentity *identity = pb_certificate_identity (object);

  if (g_str_equal (property, "Source"))
    return g_variant_new_string (pb_certificate_source (object));
  if (g_str_equal (property, "SelfSigned"))
    return g_variant_new_boolean (identity != NULL && identity->self_signed);
  if (g_str_equal (property, "NotBefore"))
    return g_variant_new_uint64 (identity != NULL ? (guint64) MAX (identity->not_before, 0) : 0);
  if (g_str_equal (property, "NotAfter"))
    return g_variant_new_uint64 (identity != NULL ? (guint64) MAX (identity->not_after, 0) : 0);
  if (g_str_equal (property, "Names"))
    return g_variant_new_strv (identity != NULL ? (const char *const *) identity->names : none, -1);
  if (g_str_equal (property, "Subject"))
    return g_variant_new_string (identity != NULL ? identity->subject : "");
  if (g_str_equal (property, "Issuer"))
    return g_variant_new_string (identity != NULL ? identity->issuer : "");
  return g_variant_new_string (identity != NULL ? identity->fingerprint : "");
}

struct _PbCertificateObject
{
  PbBus *bus;                 /* (unowned) */
  PbCertificate *certificate; /* (unowned) */
};

static void
on_changed (gpointer user_data)
{
  PbCertificateObject *self = user_data;
  GVariantBuilder changed;
  GDBusPropertyInfo **properties = certificate_interface.properties;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  for (; *properties != NULL; properties++)
    g_variant_builder_add (&changed, "{sv}", (*properties)->name,
                           get_property (self->certificate, (*properties)->name));
  pb_bus_emit_changed (self->bus, certificate_interface.name, g_variant_builder_end (&changed), NULL);
}

PbCertificateObject *
pb_certificate_object_new (PbBus *bus, PbCertificate *certificate)
{
  const PbBusInterface interface = {
    .info = &certificate_interface,
    .get = get_property,
    .object = certificate,
  };
  PbCertificateObject *self = g_new0 (PbCertificateObject, 1);

  self->bus = bus;
  self->certificate = certificate;
  pb_bus_add (bus, &interface);
  pb_certificate_watch (certificate, on_changed, self);
  return self;
}

void
pb_certificate_object_free (PbCertificateObject *self)
{
  pb_certificate_watch (self->certificate, NULL, NULL);
  g_free (self);
}

/* ---- Tls.Import ---- */

static void
on_imported (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

/* One NUL at the end goes: gdbus writes text as octets with it. */
static PbSecret *
take_octets (GVariant *parameters, gsize index)
{
  g_autoptr (GVariant) given = g_variant_get_child_value (parameters, index);
  gsize length;
  const guint8 *octets = g_variant_get_fixed_array (given, &length, 1);

  if (length > 0 && octets[length - 1] == '\0')
    length--;
  return length <= PB_CERTIFICATE_MAX ? pb_secret_copy (octets, length) : NULL;
}

void
pb_certificate_handle_import (PbBusCall *call, PbCertificate *certificate)
{
  g_autoptr (PbSecret) chain = take_octets (call->parameters, 0);
  g_autoptr (PbSecret) key = take_octets (call->parameters, 1);
  g_autoptr (GError) error = NULL;

  if (chain == NULL || key == NULL)
    {
      error = g_error_new (PB_ERROR, PB_ERROR_TOO_LARGE, "Tls.Import: %s: is larger than %u KiB",
                           chain == NULL ? "chain" : "key", PB_CERTIFICATE_MAX / 1024);
      pb_bus_call_fail (call, error);
      return;
    }
  pb_certificate_import (certificate, chain, key, call->who, on_imported, call);
}
