/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of zone.h. Questions wait in a queue, so that an answer never comes from within a question. */
#include "tests/mailauth/zone.h"
#include "net/dns-answer.h"

#include <stdlib.h>
#include <string.h>

struct _Zone
{
  GHashTable *names; /* (owned) lower case -> JsonObject */
  GQueue waiting;    /* (element-type Asked) */
  guint asked;
};

typedef struct
{
  char *name;
  PbDnsType type;
  PbDnsFunc func;
  gpointer user_data;
} Asked;

Zone *
zone_new (JsonObject *names)
{
  Zone *self = g_new0 (Zone, 1);
  g_autoptr (GList) members = json_object_get_members (names);

  self->names =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) json_object_unref);
  for (GList *l = members; l != NULL; l = l->next)
    g_hash_table_insert (self->names, g_ascii_strdown (l->data, -1),
                         json_object_ref (json_object_get_object_member (names, l->data)));
  return self;
}

void
zone_free (Zone *self)
{
  g_assert_cmpuint (self->waiting.length, ==, 0);
  g_hash_table_unref (self->names);
  g_free (self);
}

guint
zone_asked (Zone *self)
{
  return self->asked;
}

static void
ask (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
     gpointer user_data)
{
  Zone *self = source;
  Asked *asked = g_new (Asked, 1);

  g_assert_cmpuint (timeout, >=, 1);
  *asked = (Asked){ g_ascii_strdown (name, -1), type, func, user_data };
  if (g_str_has_suffix (asked->name, "."))
    asked->name[strlen (asked->name) - 1] = '\0';
  self->asked++;
  g_queue_push_tail (&self->waiting, asked);
}

PbDnsSource
zone_source (Zone *self)
{
  return (PbDnsSource){ ask, self };
}

static const char *
type_name (PbDnsType type)
{
  switch (type)
    {
    case PB_DNS_A:
      return "A";
    case PB_DNS_PTR:
      return "PTR";
    case PB_DNS_MX:
      return "MX";
    case PB_DNS_TXT:
      return "TXT";
    case PB_DNS_CNAME:
      return "CNAME";
    case PB_DNS_TLSA:
      return "TLSA";
    case PB_DNS_AAAA:
      return "AAAA";
    }
  g_assert_not_reached ();
}

static void
add_record (PbDnsAnswer *answer, PbDnsType type, guint i, const char *text)
{
  char *end;

  switch (type)
    {
    case PB_DNS_A:
    case PB_DNS_AAAA:
      g_assert_true (pb_ip_parse (text, &answer->addresses[answer->n_addresses++]));
      break;
    case PB_DNS_MX:
      answer->mx[i].preference = (guint16) strtoul (text, &end, 10);
      answer->mx[i].exchange = g_ascii_strdown (g_strchug (end), -1);
      answer->n_mx++;
      break;
    case PB_DNS_TXT:
      answer->names[i] = g_strdup (text);
      break;
    case PB_DNS_CNAME:
    case PB_DNS_PTR:
      answer->names[i] = g_ascii_strdown (text, -1);
      break;
    case PB_DNS_TLSA:
      g_assert_not_reached ();
    }
}

/* The records of @name, or of what it is an alias of. Returns: (nullable). */
static JsonObject *
find_types (Zone *self, const char *name)
{
  JsonObject *types = g_hash_table_lookup (self->names, name);

  for (guint i = 0; i < 8 && types != NULL && json_object_has_member (types, "CNAME"); i++)
    {
      JsonArray *records = json_object_get_array_member (types, "CNAME");

      types = g_hash_table_lookup (self->names, json_array_get_string_element (records, 0));
    }
  return types;
}

static PbDnsAnswer *
find (Zone *self, const char *name, PbDnsType type)
{
  JsonObject *types = find_types (self, name);
  const char *wanted = type_name (type);
  PbDnsAnswer *answer;
  JsonArray *records;
  guint n;

  if (types == NULL)
    return pb_dns_answer_new (PB_DNS_NXDOMAIN, NULL);
  if (!json_object_has_member (types, wanted))
    return json_object_has_member (types, "TROUBLE")
             ? pb_dns_answer_new (PB_DNS_TROUBLE, "no server answered")
             : pb_dns_answer_new (PB_DNS_NODATA, NULL);
  records = json_object_get_array_member (types, wanted);
  n = json_array_get_length (records);
  answer = pb_dns_answer_new (n > 0 ? PB_DNS_OK : PB_DNS_NODATA, NULL);
  answer->addresses = g_new0 (PbIp, n);
  answer->mx = g_new0 (PbMx, n);
  answer->names = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    add_record (answer, type, i, json_array_get_string_element (records, i));
  return answer;
}

void
zone_run (Zone *self)
{
  Asked *asked;

  while ((asked = g_queue_pop_head (&self->waiting)) != NULL)
    {
      g_autoptr (PbDnsAnswer) answer = find (self, asked->name, asked->type);

      asked->func (answer, asked->user_data);
      g_free (asked->name);
      g_free (asked);
    }
}
