#include "textflag.h"

// SHA-256, FIPS 180-4 section 6.2, by the SHA extensions of x86 (Intel 64
// Software Developer's Manual, volume 2: SHA256RNDS2, SHA256MSG1, SHA256MSG2),
// of two states over one message. What depends on the message alone, its
// schedule, is computed once, and the rounds of one state run while those of
// the other wait for their result.

#define ABEF1 X1
#define CDGH1 X2
#define ABEF2 X3
#define CDGH2 X4

// Sixteen words of the schedule.
#define M0 X5
#define M1 X6
#define M2 X7
#define M3 X8

#define SWAP  X9
#define TMP   X10
#define SAVE1 X11
#define SAVE2 X12
#define SAVE3 X13
#define SAVE4 X14

// LOAD takes words from the message.
#define LOAD(n, m) \
	MOVOU  (n*16)(SI), m \
	PSHUFB SWAP, m

// FIRST and SECOND are two rounds of both states each. The sums of words and
// constants are in X0, where SHA256RNDS2 expects them.
#define FIRST(n, m) \
	MOVOU       (n*16)(DX), X0 \
	PADDL       m, X0 \
	SHA256RNDS2 X0, ABEF1, CDGH1 \
	SHA256RNDS2 X0, ABEF2, CDGH2

#define SECOND \
	PSHUFD      $0x0e, X0, X0 \
	SHA256RNDS2 X0, CDGH1, ABEF1 \
	SHA256RNDS2 X0, CDGH2, ABEF2

// NEXT completes the four words that follow those of cur.
#define NEXT(prev, cur, next) \
	MOVO       cur, TMP \
	PALIGNR    $4, prev, TMP \
	PADDL      TMP, next \
	SHA256MSG2 cur, next

#define ROUNDS(n, prev, cur, next) \
	FIRST(n, cur) \
	NEXT(prev, cur, next) \
	SECOND \
	SHA256MSG1 cur, prev

// func blocks(a, b *registers, k *[64]uint32, p *byte, n int)
TEXT ·blocks(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), AX
	MOVQ b+8(FP), BX
	MOVQ k+16(FP), DX
	MOVQ p+24(FP), SI
	MOVQ n+32(FP), CX

	MOVOU (AX), ABEF1
	MOVOU 16(AX), CDGH1
	MOVOU (BX), ABEF2
	MOVOU 16(BX), CDGH2
	MOVOU swap<>(SB), SWAP

loop:
	MOVO ABEF1, SAVE1
	MOVO CDGH1, SAVE2
	MOVO ABEF2, SAVE3
	MOVO CDGH2, SAVE4

	LOAD(0, M0)
	FIRST(0, M0)
	SECOND
	LOAD(1, M1)
	FIRST(1, M1)
	SECOND
	SHA256MSG1 M1, M0
	LOAD(2, M2)
	FIRST(2, M2)
	SECOND
	SHA256MSG1 M2, M1
	LOAD(3, M3)
	ROUNDS(3, M2, M3, M0)
	ROUNDS(4, M3, M0, M1)
	ROUNDS(5, M0, M1, M2)
	ROUNDS(6, M1, M2, M3)
	ROUNDS(7, M2, M3, M0)
	ROUNDS(8, M3, M0, M1)
	ROUNDS(9, M0, M1, M2)
	ROUNDS(10, M1, M2, M3)
	ROUNDS(11, M2, M3, M0)
	ROUNDS(12, M3, M0, M1)
	FIRST(13, M1)
	NEXT(M0, M1, M2)
	SECOND
	FIRST(14, M2)
	NEXT(M1, M2, M3)
	SECOND
	FIRST(15, M3)
	SECOND

	PADDL SAVE1, ABEF1
	PADDL SAVE2, CDGH1
	PADDL SAVE3, ABEF2
	PADDL SAVE4, CDGH2

	ADDQ $64, SI
	DECQ CX
	JNZ  loop

	MOVOU ABEF1, (AX)
	MOVOU CDGH1, 16(AX)
	MOVOU ABEF2, (BX)
	MOVOU CDGH2, 16(BX)
	RET

// swap reverses the bytes of each word.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// func cpuid(leaf, sub uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET
