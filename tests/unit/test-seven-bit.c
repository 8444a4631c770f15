/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol/seven-bit.h"

#include <string.h>

#define UE   "\303\274" /* u with diaeresis */
#define UEQP "=C3=BC"
#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

typedef struct
{
  const char *name;
  const char *in, *out;
} Row;

static const Row rows[] = {
  { "no-mime", "Subject: x\r\n\r\n" UE "\r\n",
    "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n" UEQP "\r\n" },
  { "text", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\ncontent-transfer-encoding:\r\n 8bit\r\nSubject: x\r\n\r\na = " UE " \r\n\tb\t\r\n",
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: x\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\na =3D " UEQP "=20\r\n\tb=09\r\n" },
  { "base64", "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n",
    "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n" },
  { "base64-with-junk", "Content-Transfer-Encoding: base64\r\n\r\nY" UE "Q==\r\n",
    "Content-Transfer-Encoding: base64\r\n\r\nY?\?Q==\r\n" },
  { "quoted-with-8bit", "Content-Transfer-Encoding: Quoted-Printable\r\n\r\na=3D" UE "=\r\n",
    "Content-Transfer-Encoding: Quoted-Printable\r\n\r\na=3D" UEQP "=\r\n" },
  { "unknown-encoding", "Content-Transfer-Encoding: x-odd\r\n\r\n" UE "\r\n",
    "Content-Transfer-Encoding: x-odd\r\n\r\n" UE "\r\n" },
  { "long-line", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" X50 X50 "\r\n",
    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" X50
    "xxxxxxxxxxxxxxxxxxxxxxxxx=\r\nxxxxxxxxxxxxxxxxxxxxxxxxx\r\n" },
  { "bare", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\na\rb\nc \r",
    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=0Db\r\nc=20=0D" },
  { "multipart",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tx=\"a;boundary=no\"; boundary=\"out er\"\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n" UE "pre\r\n--out er\r\n"
    "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\n" UE "\r\n--in  \r\n"
    "Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--inner " UE "\r\n--out er\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--out er--\r\n" UE "post\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tx=\"a;boundary=no\"; boundary=\"out er\"\r\n"
    "Content-Transfer-Encoding: 7bit\r\n\r\n??pre\r\n--out er\r\n"
    "Content-Type: multipart/alternative; boundary=in\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--in\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n" UEQP "\r\n--in  \r\n"
    "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--inner " UEQP "\r\n--out er\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--out er--\r\n??post\r\n" },
  { "message",
    "MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\n" UE "\r\n--b--\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--b\r\n"
    "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" UEQP
    "\r\n--b--\r\n" },
  /* What a digest's part is when it does not say, and what must not be encoded as a whole. */
  { "digest",
    "MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: in\r\n\r\n" UE
    "\r\n--b--\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--b\r\n"
    "Content-Transfer-Encoding: 7bit\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" UEQP
    "\r\n--b--\r\n" },
  { "status", "Content-Type: message/delivery-status\r\n\r\na: b=c\r\n", "Content-Type: message/delivery-status\r\n\r\na: b=c\r\n" },
  { "no-empty-line", "From me Mon\r\nSubject : x\r\n y\r\nbody " UE "\r\nTo: x\r\n",
    "From me Mon\r\nSubject : x\r\n y\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nbody " UEQP "\r\nTo: x\r\n" },
  /* Gone wrong: no boundary, a part that ends in its fields, no empty line. */
  { "no-boundary", "Content-Type: multipart/mixed\r\n\r\n" UE "\r\n", "Content-Type: multipart/mixed\r\n\r\n" UE "\r\n" },
  { "cut-part",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: y\r\n--b\r\n\r\n" UE "\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--b\r\nX: y\r\n--b\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n" UEQP "\r\n" },
  { "no-body", "Subject: " UE "\r\n", "Subject: " UE "\r\n" },
  { "empty", "", "" },
};

static char *
convert (const char *text, gsize length, gsize step)
{
  g_autoptr (PbSevenBit) machine = pb_seven_bit_new ();
  GByteArray *out = g_byte_array_new ();

  for (gsize at = 0; at < length; at += step)
    pb_seven_bit_feed (machine, text + at, MIN (step, length - at), out);
  pb_seven_bit_finish (machine, out);
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (out, FALSE);
}

static void
test_rows (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize step = 1; step < 2000; step *= 3)
      {
        g_autofree char *out = convert (rows[i].in, strlen (rows[i].in), step);

        g_test_message ("%s by %" G_GSIZE_FORMAT, rows[i].name, step);
        g_assert_cmpstr (out, ==, rows[i].out);
      }
}

/* Endless header sections, lines and nestings: bounded, and nothing is lost. */
static void
test_endless (void)
{
  g_autofree char *filler = g_strnfill (3000000, 'x');
  g_autofree char *field = g_strconcat ("Subject: ", filler, "\r\n\r\n", UE, NULL);
  g_autofree char *line = g_strconcat ("Content-Type: text/plain\r\n\r\n", filler, NULL);
  g_autoptr (GString) deep = g_string_new ("MIME-Version: 1.0\r\n");
  g_autofree char *out = convert (field, strlen (field), 10000);

  g_assert_cmpstr (out, ==, field);
  g_free (out);
  out = convert (line, strlen (line), 4096);
  g_assert_cmpuint (strlen (out), >, 3000000);
  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (deep, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
  g_free (out);
  out = convert (deep->str, deep->len, 777);
  g_assert_cmpuint (strlen (out), >=, deep->len);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seven-bit/rows", test_rows);
  g_test_add_func ("/seven-bit/endless", test_endless);
  return g_test_run ();
}
