package org.streamvision.example

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test
import streamvision.Golden
import streamvision.selfTest

class GoldenVectorsTest {
    @Test
    fun theDecoderAgreesWithTheGoldenVectors() {
        val folder = File(System.getProperty("golden")!!)
        assertEquals(emptyList<String>(), selfTest(Golden { File(folder, it).inputStream() }))
    }
}
